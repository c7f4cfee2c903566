import pytest

from brainray.catalog import Library
from brainray.errors import CatalogError


def test_a_key_allows_what_its_role_says_until_it_is_removed(library: Library) -> None:
    secret = library.add_key("ann", "deployer")
    other = library.add_key("bob", "maintainer")
    assert (library.role_of(secret), library.role_of(other)) == ("deployer", "maintainer")
    assert [(key.name, key.role) for key in library.api_keys()] == [
        ("ann", "deployer"),
        ("bob", "maintainer"),
    ]
    assert library.role_of("br_no") is None
    library.remove_key("ann")
    assert library.role_of(secret) is None
    with pytest.raises(CatalogError, match="key 'ann': not in the catalog"):
        library.remove_key("ann")


def test_the_secret_is_not_in_the_catalog(library: Library) -> None:
    secret = library.add_key("ann", "deployer")
    (key,) = library.api_keys()
    assert secret not in repr(key)


def test_the_bootstrap_key_is_good_until_there_is_a_maintainer(library: Library) -> None:
    assert library.role_of("first", bootstrap="first") == "maintainer"
    assert library.role_of("second", bootstrap="first") is None
    assert library.role_of("", bootstrap="") is None
    library.add_key("ann", "deployer")
    assert library.role_of("first", bootstrap="first") == "maintainer"
    library.add_key("bob", "maintainer")
    assert library.role_of("first", bootstrap="first") is None


def test_what_cannot_be_a_key_is_refused(library: Library) -> None:
    with pytest.raises(CatalogError, match="role 'owner', allowed are deployer, maintainer"):
        library.add_key("ann", "owner")
    for name in ("", "a b", "a" * 101):
        with pytest.raises(CatalogError, match="must be up to 100 letters"):
            library.add_key(name, "deployer")
    library.add_key("ann", "deployer")
    with pytest.raises(CatalogError, match="there is one already"):
        library.add_key("ann", "maintainer")
