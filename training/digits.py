"""How figures are written wherever people read them: with three digits that matter."""

import math


def three_digits(value: float, *, signed: bool = False) -> str:
    """A figure with three significant digits, but at most three places: 0.841, 4.64, 31.8, 1,025.

    Zeros at the end stay, so that 0.840 stands beside 0.841. `signed` writes a plus too, also
    before what is rounded to zero.
    """
    rounded = float(f"{value:.3g}")
    exponent = math.floor(math.log10(abs(rounded))) if rounded else 0
    places = min(3, max(0, 2 - exponent)) if rounded else 3
    return format(value, f"{'+' if signed else ''}z,.{places}f")
