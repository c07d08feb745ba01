"""Promises of telling public hosts from inner ones, without resolving anything."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.connection import Endpoint
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.public_hosts import check_public_endpoint, check_public_host, is_public

INNER = (
    "0.0.0.0",  # noqa: S104 - refused, never bound
    *("0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200"),
    *("127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.169.254", "169.254.170.2"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.31.196.1", "192.52.193.1"),
    *("192.88.99.1", "192.168.0.1", "192.175.48.1", "198.18.0.1", "198.19.255.255"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:8.8.8.8"),
    *("::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::10.0.0.1"),
    *("100::1", "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1", "2001:20::1"),
    *("2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "2620:4f:8000::1", "3fff::1"),
    *("4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%lo", "fec0::1"),
    *("ff02::1", "2606:4700::1111%eth0"),
)
OUTER = ("1.1.1.1", "8.8.8.8", "52.94.76.1", "100.63.255.255", "100.128.0.1", "172.32.0.1")
OUTER_V6 = ("2606:4700:4700::1111", "2a05:d018::1", "2600:1f18::1")

NO_HOSTS = (
    *("localhost", "metadata", "db", "127.1", "127.0.1", "0", "2130706433", "017700000001"),
    *("0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.0.01", "127.0.0.1.", "localhost."),
    *(
        "db.example.org.",
        "[127.0.0.1]",
        "[::1]",
        "::1%lo",
        "fe80::1%25eth0",
        "\uff11\uff12\uff17.0.0.1",
    ),
    *(
        "\u24dbocalhost",
        "\uff4cocalhost.example",
        "db\u3002example.org",
        "bücher.example",
        "127.0.0.1\x00",
    ),
    *("db.example.org,127.0.0.1", "a b.example", "a.example:5432", "user@a.example", "a.1"),
    *("/var/run/postgresql", "@abstract", "a..example", "-a.example", "a.example-", ".example"),
    *("host=127.0.0.1", "a%2eexample", "%31%32%37.0.0.1", "a.0x1", "1.2.3", "1.2.3.4.5"),
    *("a.example\n", "a\\b.example", "'a.example'", "x" * 64 + ".example", "a." * 126 + "example"),
)


@pytest.mark.parametrize("address", INNER)
def test_an_inner_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [*OUTER, *OUTER_V6])
def test_a_global_unicast_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", [*INNER, *NO_HOSTS])
def test_a_host_that_is_not_plainly_public_is_refused(host: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_public_host(host)

    assert refused.value.fields == {"field": "host"}


@pytest.mark.parametrize(
    "host", [*OUTER, *OUTER_V6, "db.example.org", "DB.Example.org", "_x.a-b.co", "a.xn--p1ai"]
)
def test_plain_public_hosts_are_let_through(host: str) -> None:
    check_public_host(host)


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:", "::", "64:ff9b::", "::ffff:0:"]))
def test_an_address_inside_another_is_never_public(
    inner: ipaddress.IPv4Address, around: str
) -> None:
    assert not is_public(f"{around}{inner}")


@given(st.ip_addresses())
def test_what_python_keeps_private_is_never_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert not (is_public(str(address)) and (address.is_private or address.is_multicast))


@pytest.mark.parametrize("port", [5432, 1024, 6543, 65535])
def test_ports_of_databases_are_let_through(port: int) -> None:
    check_public_endpoint(Endpoint(host="db.example.org", port=port))


@pytest.mark.parametrize("port", [1, 22, 25, 80, 443, 1023])
def test_ports_of_other_services_are_refused(port: int) -> None:
    with pytest.raises(InvalidRequest, match=f"port {port} is not allowed"):
        check_public_endpoint(Endpoint(host="db.example.org", port=port))


def test_a_unix_socket_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="unix socket"):
        check_public_endpoint(Endpoint(host="/var/run/postgresql"))


@pytest.mark.parametrize("path", ["/etc/passwd", "roots.pem", "", "System", " system", "system\n"])
def test_root_certificates_in_a_file_of_the_worker_are_refused(path: str) -> None:
    with pytest.raises(InvalidRequest, match="names a file of the worker") as refusal:
        check_public_endpoint(Endpoint(host="db.example.org", sslrootcert=path))

    assert refusal.value.fields == {"field": "sslrootcert"}


@pytest.mark.parametrize("roots", [None, "system"])
def test_the_root_certificates_of_the_system_are_let_through(roots: str | None) -> None:
    check_public_endpoint(Endpoint(host="db.example.org", sslrootcert=roots))
