"""What a file must begin with to be a feed, and what is said of one that does not."""

from pathlib import Path

import pytest

from lockstep_kernel import CannotRunError, TornTailError
from lockstep_runtime import open_feed


def made(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "feed"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("content", [b'{"columns": []}', b"a,b\rc,d\r", b"\x00\xff", b"12 monkeys"])
def test_a_foreign_file_without_a_line_end_is_no_feed(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CannotRunError, match="line 1: expected the header"):
        open_feed(made(tmp_path, content))


@pytest.mark.parametrize("content", [b"seq,type,si", b"1,N,0,1,5", b'1723161255030 {"stream":'])
def test_a_feed_that_is_cut_inside_its_first_line_is_torn(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(TornTailError, match="line 1: the file ends inside this line"):
        open_feed(made(tmp_path, content))


@pytest.mark.parametrize(("end", "name"), [(b"\r\n", "CR LF"), (b"\r", "CR")])
@pytest.mark.parametrize(
    "line", [b"seq,type,side,ioc,qty,order_id,price_ticks", b"1,N,0,1,1,B,100,5"]
)
def test_other_line_ends_are_named(tmp_path: Path, line: bytes, end: bytes, name: str) -> None:
    with pytest.raises(CannotRunError, match=f"its lines end with {name}, expected LF"):
        open_feed(made(tmp_path, line + end))
