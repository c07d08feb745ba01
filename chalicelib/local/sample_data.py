"""Load the demo's rows: believable, the same for the same seed, about as many bytes as asked for.

Rows are made here as lines of COPY text and sent as a stream, which one core does at some twenty
megabytes a second. Pools of ready fragments keep the work per row to a few choices.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched_lines if False else islice
from typing import Any, Final
