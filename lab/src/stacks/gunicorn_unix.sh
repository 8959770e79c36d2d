shop_python
neighbour_fpm
listens="$listens app.sock"
unit app '/usr/bin/gunicorn --workers 2 --bind unix:/run/app/app.sock shop:application' \
  User=www-data WorkingDirectory=/srv/app RuntimeDirectory=app
shop_proxy http://unix:/run/app/app.sock timed
