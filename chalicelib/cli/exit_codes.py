"""Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by a check, 130 interrupted, cleaned up.

`EXIT_CODES` is total over the error codes; a test holds it so.
"""

from __future__ import annotations

from typing import Final

DONE: Final = 0
FAILED: Final = 1
WRONG_USAGE: Final = 2
REFUSED: Final = 3
INTERRUPTED: Final = 130

EXIT_CODES: Final = {
    "authentication_failed": FAILED,
    "cancelled": INTERRUPTED,
    "channel_failed": FAILED,
    "conflict": FAILED,
    "deadline_exceeded": FAILED,
    "dump_failed": FAILED,
    "forbidden": FAILED,
    "integrity_failed": REFUSED,
    "internal": FAILED,
    "invalid_request": WRONG_USAGE,
    "lease_lost": FAILED,
    "lock_timeout": FAILED,
    "not_found": FAILED,
    "not_verified": REFUSED,
    "permission_denied": FAILED,
    "restore_failed": FAILED,
    "rate_limited": FAILED,
    "scratch_too_small": FAILED,
    "source_lost": FAILED,
    "source_unreachable": FAILED,
    "storage_failed": FAILED,
    "tls_failed": FAILED,
    "unauthenticated": FAILED,
    "unsupported": WRONG_USAGE,
    "version_unsupported": FAILED,
    "worker_exhausted": FAILED,
    "worker_lost": FAILED,
}
