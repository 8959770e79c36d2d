neighbour_node
units="$units mariadb php8.2-fpm"
mkdir -p /var/www/shop
cat >/var/www/shop/config.php <<'PHP'
<?php
define('DB_HOST', 'localhost');
define('DB_NAME', 'shop');
define('DB_USER', 'shop');
define('DB_PASSWORD', 'Ruhig-Blut_7');
PHP
cat >/var/www/shop/index.php <<'PHP'
<?php
require __DIR__ . '/config.php';
$db = new mysqli(DB_HOST, DB_USER, DB_PASSWORD, DB_NAME);
echo "<h1>Shop</h1>\n";
foreach ($db->query('SELECT name FROM products ORDER BY name') as $row) {
    echo '<p>', htmlspecialchars($row['name']), "</p>\n";
}
PHP
echo '<?php echo "about\n";' >/var/www/shop/about.php
systemctl start mariadb
mariadb <<'SQL'
CREATE DATABASE shop;
CREATE USER shop@localhost IDENTIFIED BY 'Ruhig-Blut_7';
GRANT ALL ON shop.* TO shop@localhost;
CREATE TABLE shop.products (id INT PRIMARY KEY, name VARCHAR(80));
INSERT INTO shop.products VALUES (1, 'Lamp'), (2, 'Chair');
SQL
site_php shop.example combined /var/www/shop unix:/run/php/php8.2-fpm.sock
