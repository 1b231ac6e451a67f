"""SQLAlchemy's own tests of a dialect and its driver, which it ships for others to run."""
from sqlalchemy.testing.suite import *  # noqa: F401,F403
