shop_python
neighbour_fpm
listens="$listens :8000"
unit app '/usr/bin/gunicorn --workers 2 --bind 127.0.0.1:8000 shop:application' \
  User=www-data WorkingDirectory=/srv/app
shop_proxy http://127.0.0.1:8000 combined
