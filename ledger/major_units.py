"""Amounts as people and their programs write them: from minor units to the currency's own, without a float on the way."""

# Stripe's zero-decimal currencies (docs.stripe.com/currencies): their minor unit is the whole one.
ZERO_DECIMAL = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf")
)
# Its three-decimal ones: a thousand minor units are a whole one.
THREE_DECIMAL = frozenset(("bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"))


def decimals(currency: str) -> int:
    """How many digits a currency has after its point, as Stripe counts."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def in_major_units(amount_minor: int, currency: str) -> str:
    """`-1535000, usd` → `-15350.00`: no separators, always all digits."""
    digits = decimals(currency)
    if not digits:
        return str(amount_minor)
    whole, part = divmod(abs(amount_minor), 10**digits)
    return f"{'-' if amount_minor < 0 else ''}{whole}.{part:0{digits}}"


def money(amount_minor: int, currency: str) -> str:
    """`1535000, usd` → `15,350.00 USD`: for people to read."""
    whole, point, part = in_major_units(abs(amount_minor), currency).partition(".")
    return f"{'-' if amount_minor < 0 else ''}{int(whole):,}{point}{part} {currency.upper()}"
