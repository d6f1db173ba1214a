"""What the tests of other tools' files share."""

from fixtures.commands import wherry

__all__ = ["wherry"]
