"""The comparison of durable rates: the interval of a median by ranks, and where sources lie."""

from pathlib import Path

from tests.durable.__main__ import interval, sources


def test_the_interval_of_twenty_pairs_lies_between_the_sixth_and_the_fifteenth() -> None:
    """Fewer than 6 heads in 20 throws have 2.07 %, fewer than 7 have 5.77 %."""
    shuffled = [float(7 * number % 20 + 1) for number in range(20)]
    assert (6.0, 15.0) == interval(shuffled)
    assert (1.0, 6.0) == interval([3.0, 1.0, 2.0, 6.0, 5.0, 4.0])
    assert (1.0, 3.0) == interval([3.0, 1.0, 2.0])


def test_a_version_is_a_checkout_or_one_folder_with_all_packages(tmp_path: Path) -> None:
    assert [tmp_path] == sources(str(tmp_path), tmp_path)
    (tmp_path / "engine").mkdir()
    (tmp_path / "journal").mkdir()
    assert [tmp_path / "engine", tmp_path / "journal"] == sources(str(tmp_path), tmp_path)
