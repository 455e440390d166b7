#!/bin/sh
# Makes an authority (ca.pem) and the mail catcher's certificate under it (mail.pem, mail.key) in DIRECTORY, unless they are there.
# Usage: certificates.sh [DIRECTORY], which is /certificates unless given.
set -eu

cd "${1:-/certificates}"
[ ! -f mail.pem ] || exit 0

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -keyout ca.key -out ca.pem \
    -subj "/CN=FlowMastery's own authority" -addext keyUsage=critical,keyCertSign
openssl req -x509 -CA ca.pem -CAkey ca.key -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -keyout mail.key \
    -out mail.pem.new -subj /CN=mail -addext subjectAltName=DNS:mail -addext basicConstraints=critical,CA:FALSE
# The authority has signed what it had to sign.
rm ca.key
chmod 644 mail.key
mv mail.pem.new mail.pem
