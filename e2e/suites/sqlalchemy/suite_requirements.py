"""Tests that SQLAlchemy does not want from every dialect stay as its defaults say."""
from sqlalchemy.testing.requirements import SuiteRequirements


class Requirements(SuiteRequirements):
    pass
