# A host with a past: what is here is old, unused or beside the point, and none of it is the reason for anything.
stamp_access() { LC_ALL=C date -d "$1" '+%d/%b/%Y:%H:%M:%S %z'; }
stamp_error() { date -d "$1" '+%Y/%m/%d %H:%M:%S'; }

# past DAYS FROM TO: that many days ago the shop's backend was refused for a while.
past() {
  local minute
  for minute in $(seq "$2" "$3"); do
    echo "203.0.113.9 - - [$(stamp_access "$1 days ago $minute minutes")] \"GET /cart HTTP/1.1\" 502 157 \"-\" \"Mozilla/5.0\"" >>"$4"
    echo "$(stamp_error "$1 days ago $minute minutes") [error] 811#811: *9$minute connect() failed (111: Connection refused) while connecting to upstream, client: 203.0.113.9, server: shop.example, request: \"GET /cart HTTP/1.1\", upstream: \"http://127.0.0.1:8081/cart\", host: \"shop.example\"" >>"$5"
  done
}
past 9 1 12 /var/log/nginx/access.log.1 /var/log/nginx/error.log.1
past 3 1 12 /var/log/nginx/access.log /var/log/nginx/error.log
for path in /.env /wp-login.php /.git/config '/?x=upstream+timed+out+(110:+Connection+timed+out)+while+connecting+to+upstream'; do
  echo "203.0.113.77 - - [$(stamp_access '4 minutes ago')] \"GET $path HTTP/1.1\" 404 153 \"-\" \"zgrab/0.x\"" >>/var/log/nginx/access.log
done
printf '203.0.113.78 - - [%s] "\\x16\\x03\\x01\\x05\\xA8\\x01" 400 157 "-" "-"\n' "$(stamp_access '3 minutes ago')" >>/var/log/nginx/access.log
chown www-data:adm /var/log/nginx/*.log*

# A socket file that nobody listens on, and processes that look like backends.
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/run/old.sock")'
mkdir -p /srv/files
systemd-run -q --unit=files --collect python3 -m http.server --bind 127.0.0.1 --directory /srv/files 8088
systemd-run -q --unit=old-pool --collect bash -c 'exec -a "php-fpm: pool old" sleep 3600'
