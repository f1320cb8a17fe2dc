"""The labels of UTKFace, in the order of its numbers, and the bins everything is reported by."""

GENDERS: tuple[str, ...] = ("male", "female")
RACES: tuple[str, ...] = ("white", "black", "asian", "indian", "others")
HEADS: tuple[str, ...] = ("age", "gender", "race")

# Labels above this age are taken for mistakes (UTKFace's oldest label is 116).
OLDEST_AGE = 120

AGE_BINS: tuple[str, ...] = (
    "0-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70-79", "80-89", "90+",
)  # fmt: skip


def age_bin(age: float) -> str:
    """The decade an age in years (>= 0) belongs to, one of `AGE_BINS`."""
    return AGE_BINS[min(int(age) // 10, len(AGE_BINS) - 1)]
