"""Random multisets of doubles with their exact sums and sample variances.

Prints one case a line, in hexadecimal floats: the values, "|", then the
correctly rounded sum, variance and standard deviation. Only Python's integers,
fractions and math.fsum are used; float(Fraction) is correctly rounded.
"""
import math
import random
import sys
from fractions import Fraction


def to_float(number):
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def any_double(rng):
    """All finite bit patterns alike: mostly huge or tiny."""
    sign = rng.choice((-1, 1))
    return sign * math.ldexp(rng.getrandbits(53), rng.randint(-1074, 971))


KINDS = {
    "money": lambda rng: round(rng.lognormvariate(3, 1.5), 2),
    "any": any_double,
    "subnormal": lambda rng: rng.choice((-1, 1)) * math.ldexp(rng.getrandbits(rng.randint(1, 53)), -1074),
    "near the smallest normal": lambda rng: math.ldexp(rng.uniform(-1, 1), -1020),
    "small squares": lambda rng: math.ldexp(rng.uniform(-1, 1), rng.randint(-540, -500)),
    "huge": lambda rng: rng.choice((-1, 1)) * math.ldexp(rng.uniform(0.5, 1), 1024 - rng.randint(0, 3)) * (1 - 2**-53),
    "near 2^511": lambda rng: math.ldexp(rng.uniform(-1, 1), 512),
    "ratio 2^80": lambda rng: math.ldexp(rng.uniform(-1, 1), rng.randint(-40, 40)),
    "integers": lambda rng: float(rng.randint(-2**53, 2**53)),
    "zero or one": lambda rng: float(rng.random() < 0.01),
    "large offset": lambda rng: 1e9 + rng.random(),
    "powers of two": lambda rng: rng.choice((-1, 1)) * 2.0 ** rng.randint(-300, 300),
    "zeros": lambda rng: rng.choice((0.0, -0.0)),
}


def case(rng, make):
    values = [make(rng) for _ in range(rng.choice((1, 2, 2, 3, 5, 20, 100)))]
    if rng.random() < 0.3:  # cancellation
        values += [-v for v in values] + [make(rng) for _ in range(rng.randint(0, 2))]
    rng.shuffle(values)
    return [v for v in values if math.isfinite(v)] or [0.0]


def halfway(rng):
    """Sums at or one bit beside the middle of two neighbouring doubles."""
    base = math.ldexp(2**52 + rng.getrandbits(52), rng.randint(-1000, 900))
    half = math.ulp(base) / 2
    values = [base, half]
    if rng.random() < 0.6:
        values.append(rng.choice((-1, 1)) * math.ldexp(half, -rng.randint(1, 300)))
    if rng.random() < 0.5:
        values = [-v for v in values]
    rng.shuffle(values)
    return values


def expected(values):
    exact = [Fraction(v) for v in values]
    n = len(values)
    total = sum(exact)
    total_float = to_float(total)
    try:
        assert math.fsum(values) == total_float
    except OverflowError:
        pass
    variance = Fraction(0)
    if n > 1:
        variance = (n * sum(x * x for x in exact) - total * total) / (n * (n - 1))
    variance_float = to_float(variance)
    return total_float, variance_float, math.sqrt(variance_float)


def main():
    rng = random.Random(int(sys.argv[1]))
    makers = list(KINDS.values())
    for i in range(int(sys.argv[2])):
        values = halfway(rng) if i % 5 == 0 else case(rng, makers[i % len(makers)])
        print(" ".join(v.hex() for v in values), "|", " ".join(v.hex() for v in expected(values)))


if __name__ == "__main__":
    main()
