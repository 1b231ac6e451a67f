"""What SQLAlchemy's documentation asks of a project that runs its dialect tests with pytest (README.dialects.rst)."""
import pytest

pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402,F401,F403
