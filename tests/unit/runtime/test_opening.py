"""What a file must begin with to be a feed, and what is said of one that does not."""

from pathlib import Path

import pytest

from lockstep_kernel import CannotRunError, TornTailError
from lockstep_runtime import open_feed


def made(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "feed"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("content", [b'{"columns": []}', b"a,b\rc,d\r", b"\x00\xff"])
def test_a_foreign_file_without_a_line_end_is_no_feed(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CannotRunError, match="line 1: expected the header"):
        open_feed(made(tmp_path, content))


@pytest.mark.parametrize("content", [b"seq,type,si", b"1,N,0,1,5", b'1723161255030 {"stream":'])
def test_a_feed_that_is_cut_inside_its_first_line_is_torn(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(TornTailError, match="line 1: the file ends inside this line"):
        open_feed(made(tmp_path, content))


def test_other_line_ends_are_named(tmp_path: Path) -> None:
    header = b"seq,type,side,ioc,qty,order_id,price_ticks\r\n"
    with pytest.raises(CannotRunError, match="its lines end with CR LF, expected LF"):
        open_feed(made(tmp_path, header))
