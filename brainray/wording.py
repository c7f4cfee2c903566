"""How people are told numbers of things."""


def counted(number: int, what: str) -> str:
    """Return a number with what it counts, e.g. ``1 code`` or ``1,200 codes``.

    Args:
        number: at least 0.
        what: a noun in the singular, whose plural ends with s.
    """
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
