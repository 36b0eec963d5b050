# Sourced by the browser tests: makes sure that the console is built and playwright-core is there, from the lockfiles.
# Node brings its own list of authorities; what this machine trusts besides counts as well.
export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
if [ ! -d "$here/node_modules/playwright-core" ] || [ ! -d "$here/node_modules/axe-core" ]; then
  (cd "$here" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
fi
make --silent --no-print-directory -C "$here/../.." web >&2
