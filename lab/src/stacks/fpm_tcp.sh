shop_php
neighbour_node
units="$units php8.2-fpm"
sed -i 's|^listen = .*|listen = 127.0.0.1:9000|' /etc/php/8.2/fpm/pool.d/www.conf
site shop.example timed <<'NGINX'
    root /var/www/shop;
    index index.php;
    location / {
        try_files $uri $uri/ /index.php?$args;
    }
    location ~ \.php$ {
        include snippets/fastcgi-php.conf;
        fastcgi_pass 127.0.0.1:9000;
        fastcgi_connect_timeout 3s;
        fastcgi_read_timeout 4s;
    }
NGINX
