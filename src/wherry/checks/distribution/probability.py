"""Distribution functions, without a library of numbers.

Formulas: W. H. Press et al., *Numerical Recipes* (3rd edition), sections 6.2 (incomplete gamma function) and 6.14
(Kolmogorov-Smirnov); M. A. Stephens, "Use of the Kolmogorov-Smirnov, Cramer-von Mises and related statistics without
extensive tables", J. Royal Statistical Society B 32 (1970), for the correction of small samples.
"""

from math import exp, isfinite, lgamma, log, pi, sqrt

_CLOSE = 1e-15


def chi_square_tail(statistic: float, freedom: int) -> float:
    """The probability that a chi-square variable of so many degrees of freedom is above ``statistic``."""
    if freedom <= 0 or statistic <= 0:
        return 1.0
    return gamma_tail(freedom / 2, statistic / 2) if isfinite(statistic) else 0.0


def gamma_tail(a: float, x: float) -> float:
    """The regularized upper incomplete gamma function Q(a, x): by its series, above a + 1 by its continued fraction."""
    front = exp(-x + a * log(x) - lgamma(a))
    return 1 - front * _series(a, x) if x < a + 1 else front * _fraction(a, x)


def _series(a: float, x: float) -> float:
    term = total = 1 / a
    divisor = a
    while abs(term) > abs(total) * _CLOSE:
        divisor += 1
        term *= x / divisor
        total += term
    return total


def _fraction(a: float, x: float) -> float:
    """Lentz's method; converges for x > a + 1."""
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    result, step, change = d, 0, 0.0
    while abs(change - 1) > _CLOSE and step < 100_000:
        step += 1
        an = -step * (step - a)
        b += 2
        d = an * d + b
        d = 1 / (d if abs(d) > tiny else tiny)
        c = b + an / c
        c = c if abs(c) > tiny else tiny
        change = d * c
        result *= change
    return result


def kolmogorov_tail(lam: float) -> float:
    """The probability that Kolmogorov's limiting variable is above ``lam``, by whichever series converges faster."""
    if lam <= 0:
        return 1.0
    if lam < 1.18:
        y = exp(-(pi**2) / (8 * lam**2))
        return 1 - sqrt(2 * pi) / lam * (y + y**9 + y**25 + y**49)
    x = exp(-2 * lam**2)
    return 2 * (x - x**4 + x**9)


def kolmogorov_p(distance: float, size: float) -> float:
    """The p-value of a largest distance between distribution functions.

    ``size`` is the number of values, or n * m / (n + m) for two samples. Asymptotic, with Stephens's correction; good
    from some five values on.
    """
    root = sqrt(size)
    return min(1.0, max(0.0, kolmogorov_tail((root + 0.12 + 0.11 / root) * distance))) if size > 0 else 1.0
