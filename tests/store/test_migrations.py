"""Migrations: from nothing, again, by several at once; and what they leave behind."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

import migrations
from ledger.proof.errors import SealRoleMissingError
from ledger.proof.seal_role import require_seal_role
from ledger.store import PostgresRecorder
from migrations import upgrading
from tests.store.happenings import event


def works(database_url: str) -> bool:
    with closing(PostgresRecorder(database_url)) as recorder:
        return recorder.append([event()]) > 0


def test_an_empty_database_becomes_a_ledger(make_empty_database: Callable[[], str]) -> None:
    url = make_empty_database()
    assert migrations.current_revision(url) is None
    migrations.upgrade(url)
    assert migrations.current_revision(url) == migrations.head_revision()
    migrations.upgrade(url)
    assert works(url)


def test_several_may_migrate_at_once_even_two_databases_of_one_server(make_empty_database: Callable[[], str]) -> None:
    urls = [make_empty_database(), make_empty_database()]
    with (
        ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as processes,
        ThreadPoolExecutor() as threads,
    ):
        migrating = [pool.submit(migrations.upgrade, url) for pool in (processes, threads) for url in urls * 2]
        for each in migrating:
            each.result(timeout=60)
    assert all(works(url) for url in urls)


def test_urls_with_a_socket_folder_or_several_hosts(make_empty_database: Callable[[], str]) -> None:
    given = {name: quote(str(value), safe="") for name, value in conninfo_to_dict(make_empty_database()).items()}
    host, port = given.pop("host", ""), given.pop("port", "5432")
    user, password, name = given.pop("user", ""), given.pop("password", ""), given.pop("dbname")
    url = f"postgresql://{user}:{password}@/{name}?host=/nonexistent,{host}&port={port},{port}"
    migrations.upgrade(url)
    assert migrations.current_revision(url) == migrations.head_revision()


def test_the_log_is_never_taken_down(database_url: str) -> None:
    config = upgrading.configuration()
    with upgrading._connect(database_url) as connection:
        config.attributes["connection"] = connection
        with pytest.raises(NotImplementedError, match="another database"):
            command.downgrade(config, "base")
    assert works(database_url)


def test_an_ordinary_owner_can_migrate_and_the_services_can_run_the_ledger(
    make_empty_database: Callable[[], str],
) -> None:
    """In production nobody is a superuser: the owner is a member of roles that are there, the services of one of them. Who
    seals has a login of their own, and nobody else's may."""
    url, name = make_empty_database(), f"ledger_owner_{uuid4().hex}"
    owner, services, sealer = Identifier(name), Identifier(f"{name}_services"), Identifier(f"{name}_sealer")
    database = Identifier(str(conninfo_to_dict(url)["dbname"]))
    with psycopg.connect(url, autocommit=True) as superuser:
        superuser.execute(SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'").format(owner))
        try:
            migrations.upgrade(make_empty_database())  # the roles are there from now on
            superuser.execute(SQL("ALTER DATABASE {} OWNER TO {}").format(database, owner))
            as_owner = make_conninfo(url, user=name, password="secret")
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match=f"GRANT ledger_app, ledger_read TO {name}"):
                migrations.upgrade(as_owner)
            superuser.execute(SQL("GRANT ledger_app, ledger_read TO {}").format(owner))
            migrations.upgrade(as_owner)
            assert works(as_owner)
            superuser.execute(SQL("CREATE ROLE {} LOGIN PASSWORD 'secret' IN ROLE ledger_app").format(services))
            as_services = make_conninfo(url, user=f"{name}_services", password="secret")
            assert migrations.current_revision(as_services) == migrations.head_revision()
            assert works(as_services)
            superuser.execute(SQL("CREATE ROLE {} LOGIN PASSWORD 'secret' IN ROLE ledger_seal").format(sealer))
            require_seal_role(make_conninfo(url, user=f"{name}_sealer", password="secret"))
            for login in (name, f"{name}_services"):
                with pytest.raises(SealRoleMissingError, match=f"login {login} may not .* IN ROLE ledger_seal"):
                    require_seal_role(make_conninfo(url, user=login, password="secret"))
        finally:
            superuser.execute(SQL("DROP ROLE IF EXISTS {}, {}").format(services, sealer))
            superuser.execute(SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(owner))
            superuser.execute(SQL("DROP OWNED BY {}").format(owner))
            superuser.execute(SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(database))
            superuser.execute(SQL("DROP ROLE {}").format(owner))


def test_the_newest_revision_is_the_one_alembic_goes_to() -> None:
    assert migrations.head_revision() == ScriptDirectory.from_config(upgrading.configuration()).get_current_head()


def test_every_revision_has_its_sql_beside_it() -> None:
    versions = Path(migrations.__file__).parent / "versions"
    for revision in versions.glob("*.py"):
        assert [*versions.glob(f"{revision.stem}.sql"), *versions.glob(f"{revision.stem}/*.sql")], revision.name
