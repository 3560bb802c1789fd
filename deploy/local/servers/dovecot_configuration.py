"""The files that Dovecot reads: every mechanism of the requirement, each account with the same password.

Debian 12's Dovecot 2.3. Its settings were tried one by one; the comments say what happens without them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pwd import struct_passwd

from deploy.local.ports import HOST

CONFIGURATION_FILE = "dovecot.conf"
KEYTAB, KERBEROS_FILE = "krb5.keytab", "krb5.conf"
BY_TOKEN = ("xoauth2", "oauthbearer")
BY_PASSWORD = ("plain", "login", "cram-md5", "digest-md5", "apop", "scram-sha-256", "ntlm", "gssapi")
ALL_MECHANISMS = (*BY_PASSWORD, *BY_TOKEN)
DOMAIN = "test.local"  # of a user who gives none, as NTLM and GSSAPI users do; the Kerberos realm in small letters

_SETTINGS = """\
base_dir = {directory}/run
state_dir = {directory}/run
log_path = /dev/stderr
protocols = imap pop3 submission
listen = {host}
hostname = localhost
# It is not root, so every part of it runs as the one user there is.
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = {uid}
last_valid_uid = {uid}
mail_location = maildir:{directory}/mail/%u
ssl = yes
ssl_cert = <{directory}/{certificate}
ssl_key = <{directory}/{key}
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_default_realm = {domain}
# A refused login is answered within half a second (which is in its code), also the tenth.
auth_failure_delay = 0
mail_max_userip_connections = 1000
submission_relay_host = {host}
submission_relay_port = {relay_port}
# Kerberos: these two files come with the realm. Any key of the keytab will do: SMTP's service is else asked for under
# Dovecot's own name for it, "submission".
import_environment = TZ KRB5_CONFIG={directory}/{kerberos_file} KRB5RCACHENAME=file2:{directory}/replays
auth_krb5_keytab = {directory}/{keytab}
auth_gssapi_hostname = "$ALL"
# Dovecot 2.3 leaves the check of an NTLM answer to Samba.
auth_use_winbind = yes
auth_winbind_helper_path = {directory}/ntlm_helper
passdb {{
  driver = oauth2
  mechanisms = {by_token}
  args = {directory}/oauth2.conf
}}
# Every address is an account. (A file of users is read again only a second after it was changed.)
passdb {{
  driver = static
  mechanisms = {by_password}
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={directory}/mail/%u allow_all_users=yes
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
# Who may log in is asked here by Postfix, too.
service auth {{
  inet_listener {{
    port = {ports[auth]}
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {ports[imap]}
  }}
  inet_listener imaps {{
    port = {ports[imaps]}
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {ports[pop3]}
  }}
  inet_listener pop3s {{
    port = {ports[pop3s]}
  }}
}}
service submission-login {{
  chroot =
  inet_listener submission {{
    port = {ports[submission]}
  }}
  inet_listener submissions {{
    port = {ports[submissions]}
    ssl = yes
  }}
}}
"""

_OAUTH2 = """\
introspection_mode = post
introspection_url = {introspection_url}
username_attribute = username
active_attribute = active
active_value = true
"""

_NTLM_HELPER = """\
#!/bin/sh
exec ntlm_auth --configfile={directory}/smb.conf --helper-protocol=squid-2.5-ntlmssp --password={password}
"""

_SAMBA = """\
[global]
workgroup = TEST
private directory = {directory}
lock directory = {directory}
state directory = {directory}
cache directory = {directory}
"""

_FILES = {
    CONFIGURATION_FILE: _SETTINGS,
    "oauth2.conf": _OAUTH2,
    "ntlm_helper": _NTLM_HELPER,
    "smb.conf": _SAMBA,
}


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What is said in the files. `certificate` and `key` are names of files beside them."""

    ports: Mapping[str, int]
    relay_port: int
    introspection_url: str
    mechanisms: Sequence[str]
    password: str
    certificate: str
    key: str

    def write(self, directory: Path, *, seen_at: Path, user: struct_passwd, group: str) -> None:
        """Into `directory`, for a Dovecot that runs as that user and finds the files at `seen_at`."""
        values = {
            **vars(self),
            "directory": seen_at,
            "host": HOST,
            "user": user.pw_name,
            "group": group,
            "uid": user.pw_uid,
            "gid": user.pw_gid,
            "domain": DOMAIN,
            "keytab": KEYTAB,
            "kerberos_file": KERBEROS_FILE,
            "mechanisms": " ".join(self.mechanisms),
            "by_token": " ".join(BY_TOKEN),
            "by_password": " ".join(BY_PASSWORD),
        }
        for name, text in _FILES.items():
            (directory / name).write_text(text.format(**values))
        (directory / "ntlm_helper").chmod(0o755)
