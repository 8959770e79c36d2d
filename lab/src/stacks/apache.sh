shop_php
neighbour_node
units="$units apache2"
echo 'Listen 127.0.0.1:7080' >/etc/apache2/ports.conf
cat >/etc/apache2/sites-available/shop.conf <<'APACHE'
<VirtualHost 127.0.0.1:7080>
    ServerName shop.example
    DocumentRoot /var/www/shop
    DirectoryIndex index.php
    ErrorLog ${APACHE_LOG_DIR}/error.log
    CustomLog ${APACHE_LOG_DIR}/access.log combined
</VirtualHost>
APACHE
ln -s ../sites-available/shop.conf /etc/apache2/sites-enabled/shop.conf
echo 'ServerName web1' >/etc/apache2/conf-enabled/name.conf
shop_proxy http://127.0.0.1:7080 combined
