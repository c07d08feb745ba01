"""A dump without a service leaks its password nowhere, whether it ends well or badly."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.support.canaries import leaks
from tests.support.process_tree import TreeWatch

WRONG = 'canary wrong:5c1e/\u00e4"\\%+&'


@pytest.mark.parametrize(("is_wrong", "code"), [(False, 0), (True, 1)], ids=["well", "badly"])
def test_a_password_is_only_where_its_owner_put_it(
    terminal: Any, shop_url: str, *, is_wrong: bool, code: int
) -> None:
    known = str(urlsplit(shop_url).password)
    password = WRONG if is_wrong else known
    url = shop_url.replace(f":{known}@", f":{quote(password, safe='')}@")

    process = terminal.start("dump", "env:SHOP", "-o", "shop.dump", "--compression=none", SHOP=url)
    with TreeWatch(process.pid) as watch:
        done = terminal.finish(process)

    # between fork and exec a child still shows what its parent was started with
    own = {seen.argv for seen in watch.seen if seen.pid == process.pid}
    children = [seen for seen in watch.seen if seen.argv not in own]
    sinks = {
        "output": (done.out + done.err).encode(),
        "argv": b"\n".join(seen.argv for seen in watch.seen),
        "environ of children": b"\n".join(seen.environ for seen in children),
        "environ of the command": b"\n".join(seen.environ for seen in watch.seen - set(children)),
        "files": b"\n".join((terminal.folder / name).read_bytes() for name in terminal.files()),
    }
    assert done.code == code
    assert children or is_wrong  # a refused login leaves nothing to start but short probes
    assert leaks({"password": password.encode()}, sinks) == {("password", "environ of the command")}
