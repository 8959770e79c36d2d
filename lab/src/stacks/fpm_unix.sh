shop_php
neighbour_node
units="$units php8.2-fpm"
site_php shop.example combined /var/www/shop unix:/run/php/php8.2-fpm.sock
