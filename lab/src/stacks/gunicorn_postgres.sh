neighbour_fpm
units="$units postgresql postgresql@15-main"
listens="$listens :8000"
mkdir -p /srv/app
cat >/srv/app/shop.py <<'PY'
import html
import os

import psycopg2.pool

pool = psycopg2.pool.ThreadedConnectionPool(1, 4, os.environ["DATABASE_URL"])


def application(environ, start_response):
    connection = pool.getconn()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM products ORDER BY name")
            names = [name for (name,) in cursor.fetchall()]
        connection.commit()
        pool.putconn(connection)
    except Exception:
        pool.putconn(connection, close=True)
        raise
    body = "<h1>Shop</h1>\n" + "".join(f"<p>{html.escape(name)}</p>\n" for name in names)
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [body.encode()]
PY
systemctl start postgresql@15-main
runuser -u postgres -- psql -q <<'SQL'
CREATE ROLE shop LOGIN PASSWORD 'Ruhig-Blut_7';
CREATE DATABASE shop OWNER shop;
\c shop
CREATE TABLE products (id INT PRIMARY KEY, name TEXT);
INSERT INTO products VALUES (1, 'Lamp'), (2, 'Chair');
ALTER TABLE products OWNER TO shop;
SQL
unit app '/usr/bin/gunicorn --workers 2 --bind 127.0.0.1:8000 shop:application' \
  User=www-data WorkingDirectory=/srv/app EnvironmentFile=/etc/default/app
echo 'DATABASE_URL=postgresql://shop:Ruhig-Blut_7@127.0.0.1:5432/shop' >/etc/default/app
chmod 600 /etc/default/app
shop_proxy http://127.0.0.1:8000 combined
