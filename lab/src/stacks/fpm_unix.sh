shop_php
neighbour_node
units="$units php8.2-fpm"
site shop.example combined <<'NGINX'
    root /var/www/shop;
    index index.php;
    location / {
        try_files $uri $uri/ /index.php?$args;
    }
    location ~ \.php$ {
        include snippets/fastcgi-php.conf;
        fastcgi_pass unix:/run/php/php8.2-fpm.sock;
        fastcgi_read_timeout 4s;
    }
NGINX
