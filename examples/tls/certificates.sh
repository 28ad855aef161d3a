#!/bin/sh
# Makes an authority and certificates of the database and of Weir, for 127.0.0.1 and localhost, in a folder.
# Usage: certificates.sh FOLDER. In production these are your own authority's; Weir reads renewed ones at SIGHUP.
set -eu
cd "$1"
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=Example CA" \
  -keyout ca.key -out ca.crt 2>/dev/null
echo "subjectAltName=IP:127.0.0.1,DNS:localhost" >names
for name in database weir; do
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" -keyout $name.key -out $name.csr 2>/dev/null
  openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile names -out $name.crt 2>/dev/null
done
rm -f ./*.csr names
chmod a+r ./*.crt
