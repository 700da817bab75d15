#!/usr/bin/env bash
# Installs the programs that the interoperability tests talk to, from Debian's packages, when it may; with the words
# valgrind or peers only what counts instructions, or what `make bench PEERS=1` is compared with.
# Never starts or stops a service of the machine it runs on.
set -euo pipefail

# What must be there (a program, or a file by its pattern), and the package that has it.
wanted=(
    radclient:freeradius-utils
    freeradius:freeradius
    eapol_test:eapoltest
    '/usr/lib/*/security/pam_radius_auth.so':libpam-radius-auth
    slapd:slapd
    ldapadd:ldap-utils
    samba:samba
    samba-tool:samba
    winbindd:winbind
    /usr/share/samba/setup/ad-schema:samba-ad-provision
    '/usr/lib/*/samba/ldb/acl.so':samba-dsdb-modules
    '/usr/lib/*/samba/vfs/acl_xattr.so':samba-vfs-modules
    /usr/lib/python3/dist-packages/markdown:python3-markdown
    systemd-analyze:systemd
    '/usr/lib/postgresql/*/bin/postgres':postgresql
    '/usr/lib/apache2/modules/mod_authnz_ldap.so':apache2-bin
    '/usr/lib/dovecot/modules/auth/libauthdb_ldap.so':dovecot-ldap
    /usr/lib/dovecot/imap-login:dovecot-imapd
    '/usr/lib/*/sssd/libsss_ldap.so':sssd-ldap
    '/usr/lib/*/security/pam_sss.so':libpam-sss
    pamtester:pamtester
    java:openjdk-17-jre-headless
    /usr/lib/python3/dist-packages/ldap/__init__.py:python3-ldap
    /usr/lib/python3/dist-packages/ldap3/__init__.py:python3-ldap3
)

case "${1:-}" in
    valgrind) wanted=(valgrind:valgrind) ;;
    peers) wanted=(freeradius:freeradius '/usr/lib/freeradius/rlm_ldap.so':freeradius-ldap radsecproxy:radsecproxy slapd:slapd ldapadd:ldap-utils) ;;
esac

PATH="$PATH:/usr/sbin:/sbin"
missing=()
for pair in "${wanted[@]}"; do
    thing=${pair%%:*} package=${pair##*:}
    case "$thing" in
        /*) compgen -G "$thing" >/dev/null ;;
        *) command -v "$thing" >/dev/null ;;
    esac || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "peers: missing ${missing[*]}, and there is no apt-get; their tests will say so" >&2
    exit 0
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=()
elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    echo "peers: missing ${missing[*]}; install them or run as root; their tests will say so" >&2
    exit 0
fi

# A package that starts its service would take the well-known ports; policy-rc.d says no to that.
guard=/usr/sbin/policy-rc.d
if [ ! -e "$guard" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$guard" >/dev/null
    "${as_root[@]}" chmod +x "$guard"
    trap '"${as_root[@]}" rm -f "$guard"' EXIT
fi
echo "peers: installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
# Without the profiles that would put these modules into the logins of the machine.
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Options::=--path-exclude=/usr/share/pam-configs/sss \
    -o Dpkg::Options::=--path-exclude=/usr/share/pam-configs/radius \
    -o Dpkg::Options::=--path-exclude=/usr/share/pam-configs/pwquality "${missing[@]}" >/dev/null
