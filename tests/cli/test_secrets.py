"""Secrets: from files, from stores, and never in a message."""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from fixtures.commands import Wherry
from fixtures.secret_store import TOKEN, Store, secret_store
from wherry.errors import ProjectError
from wherry.plugins import find_secrets
from wherry.project.config import read_config
from wherry.project.variables import Variables
from wherry.run.project import open_project


@pytest.fixture
def store() -> Iterator[Store]:
    with secret_store() as running:
        yield running


def project(folder: Path, secrets: str = "") -> Path:
    (folder / "sources").mkdir()
    (folder / "wherry.toml").write_text(f'name = "t"\n{secrets}')
    (folder / "sources/drop.yml").write_text("connector: files\npath: ${DROP_FOLDER}\ntables:\n  a.csv: {as: raw.a}\n")
    (folder / "data").mkdir()
    (folder / "data/a.csv").write_text("id\n1\n")
    return folder


def path_of(folder: Path, *, online: bool) -> str:
    found = open_project(read_config(folder), None, online=online)
    found.expect_sound()
    return str(found.sources["raw.a"].options.path)


def test_a_file_holds_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path)
    (folder / "secret").write_text("data/\n")
    monkeypatch.setenv("DROP_FOLDER_FILE", "secret")
    assert path_of(folder, online=False) == "data/"
    monkeypatch.setenv("DROP_FOLDER", "elsewhere/")
    assert path_of(folder, online=False) == "elsewhere/"


def test_a_file_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path)
    monkeypatch.setenv("DROP_FOLDER_FILE", "nowhere/secret")
    (finding,) = open_project(read_config(folder), None).errors
    assert (finding.code, finding.line) == ("missing-variable", 2)
    assert "DROP_FOLDER_FILE is set, and there is no readable file at nowhere/secret" in finding.hint


def test_only_files_that_are_asked_for_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff")
    (tmp_path / "b").write_text("x")
    found = Variables({"A_FILE": "a", "B_FILE": "b", "C_FILE": "c", "_FILE": "b", "D": "d"}, tmp_path)
    assert set(found) == {"A_FILE", "B_FILE", "C_FILE", "_FILE", "A", "B", "D"}
    assert (found["B"], found.get("A"), found.get("C"), "C" in found) == ("x", None, None, False)


def test_vault(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path, f'secrets = "vault+http://{store.address}/secret/team/shop"\n')
    store.secrets["secret/team/shop"] = {"DROP_FOLDER": "data/"}
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    assert path_of(folder, online=True) == "data/"
    assert store.asked == ["/v1/secret/data/team/shop"]
    # Reading the folder needs nobody: the name stands where the value will be.
    assert path_of(folder, online=False) == "${DROP_FOLDER}"
    assert len(store.asked) == 1


def test_a_secret_that_no_store_has_is_named(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path, f'secrets = "vault+http://{store.address}/secret/shop"\n')
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    with pytest.raises(ProjectError, match="DROP_FOLDER is not set, and no secret store has it: vault") as told:
        path_of(folder, online=True)
    assert (told.value.findings[0].file, told.value.findings[0].line) == ("wherry.toml", 2)


@pytest.mark.parametrize(
    ("token", "message", "hint"), [("wrong", "answers 403", "may not read"), ("", "needs a token", "VAULT_TOKEN")]
)
def test_a_store_that_refuses_is_told_without_the_token(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, token: str, message: str, hint: str
) -> None:
    folder = project(tmp_path, f'secrets = "vault+http://{store.address}/secret/shop"\n')
    monkeypatch.setenv("VAULT_TOKEN", token)
    with pytest.raises(ProjectError, match=message) as told:
        path_of(folder, online=True)
    (finding,) = told.value.findings
    assert hint in finding.hint + finding.message
    assert not token or token not in finding.message


def test_a_store_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path, 'secrets = ["vault+http://127.0.0.1:1/secret/shop"]\n')
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    with pytest.raises(ProjectError, match=r"Vault at 127.0.0.1:1 cannot be asked"):
        path_of(folder, online=True)


def test_a_store_that_nobody_knows_is_told(tmp_path: Path) -> None:
    folder = project(tmp_path, 'secrets = "keepass://x"\n')
    with pytest.raises(ProjectError, match="no secret store `keepass://`"):
        path_of(folder, online=True)


def test_aws_secrets_manager() -> None:
    server = ThreadedMotoServer(port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        given = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
        client = boto3.client(
            "secretsmanager",
            region_name="eu-west-1",
            endpoint_url=given["AWS_ENDPOINT_URL"],
            aws_access_key_id="k",
            aws_secret_access_key="s",
        )
        client.create_secret(Name="shop/DB_URL", SecretString="one")
        client.create_secret(Name="shop", SecretString=json.dumps({"OTHER": "two"}))
        client.close()
        address, variables = "aws-secrets://eu-west-1/shop", Variables(given, Path())
        ask = find_secrets(address)
        assert [ask(address, name, variables) for name in ("DB_URL", "OTHER", "NONE")] == ["one", "two", None]
    finally:
        server.stop()


def test_google_secret_manager(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    account = {
        "type": "service_account",
        "client_email": "shop@example.com",
        "private_key_id": "1",
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "token_uri": f"http://{store.address}/token",
        "project_id": "shop",
    }
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    store.secrets["prod-DB_URL"] = "é"
    variables = Variables({"SECRET_MANAGER_ENDPOINT": f"http://{store.address}"}, Path())
    address = "gcp-secrets://shop/prod-"
    assert [find_secrets(address)(address, name, variables) for name in ("DB_URL", "NONE")] == ["é", None]
    assert "/v1/projects/shop/secrets/prod-DB_URL/versions/latest:access" in store.asked


def test_azure_key_vault(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://{store.address}/identity")
    monkeypatch.setenv("IDENTITY_HEADER", "header")
    store.secrets["DB-URL"] = "one"
    variables = Variables({"AZURE_KEYVAULT_ENDPOINT": f"http://{store.address}"}, Path())
    address = "azure-keyvault://shop.vault.azure.net"
    assert [find_secrets(address)(address, name, variables) for name in ("DB_URL", "NONE")] == ["one", None]


def test_no_secret_is_in_what_a_run_tells(wherry: Wherry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path)
    monkeypatch.setenv("DROP_FOLDER", "data/very-secret-place/")
    answer = wherry("run", "--project", str(folder), "--json")
    assert answer.code == 1
    assert "very-secret-place" not in answer.out + answer.err
    assert "${DROP_FOLDER}" in answer.out
