"""Give a name to a user that the system does not know, for programs that insist on one.

Lambda runs a container as a user that no passwd file knows, and initdb refuses to work for such
one. The library nss_wrapper, which the worker's image brings, answers from files of ours instead.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from pathlib import Path
from typing import Final

LIBRARIES: Final = (Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/lib/aarch64-linux-gnu"))
LIBRARY: Final = "libnss_wrapper.so"
NAME: Final = "holdfast"


def naming(uid: int, folder: Path, libraries: Sequence[Path] = LIBRARIES) -> dict[str, str]:
    """Return the environment that gives the user a name, its files in `folder`.

    Empty for a user that has a name, and where the library is missing: initdb says what is wrong.
    """
    library = next((home / LIBRARY for home in libraries if (home / LIBRARY).exists()), None)
    if library is None or _is_known(uid):
        return {}
    users, groups = folder / "passwd", folder / "group"
    gid = os.getegid()
    users.write_text(f"{NAME}:x:{uid}:{gid}::{folder}:/bin/false\n")
    groups.write_text(f"{NAME}:x:{gid}:\n")
    return {
        "LD_PRELOAD": str(library),
        "NSS_WRAPPER_PASSWD": str(users),
        "NSS_WRAPPER_GROUP": str(groups),
    }


def _is_known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
