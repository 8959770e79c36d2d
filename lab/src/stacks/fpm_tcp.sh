shop_php
neighbour_node
units="$units php8.2-fpm"
sed -i 's|^listen = .*|listen = 127.0.0.1:9000|' /etc/php/8.2/fpm/pool.d/www.conf
site_php shop.example timed /var/www/shop '127.0.0.1:9000; fastcgi_connect_timeout 3s'
