"""Modules that are left out of an import, and back afterwards."""

import colorsys
import sys

from runtime.left_out import left_out


def test_a_module_that_is_left_out_is_the_real_one_afterwards() -> None:
    sys.modules.pop("this_is_not_there", None)
    with left_out({"wave": ("Wave_read",), "this_is_not_there": ()}):
        from wave import Wave_read

        import this_is_not_there  # type: ignore[import-not-found]

        assert this_is_not_there.__name__ == "this_is_not_there"
        assert not hasattr(Wave_read, "getnchannels")
    from wave import Wave_read as Real

    assert hasattr(Real, "getnchannels")
    assert "this_is_not_there" not in sys.modules


def test_a_module_that_is_imported_already_stays() -> None:
    with left_out({"colorsys": ("rgb_to_hsv",)}):
        import colorsys as again

        assert again is colorsys
