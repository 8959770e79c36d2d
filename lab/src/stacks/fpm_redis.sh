neighbour_node
units="$units redis-server php8.2-fpm"
mkdir -p /srv/shop/public
cat >/srv/shop/.env <<'ENV'
APP_ENV=production
REDIS_HOST=127.0.0.1
REDIS_PORT=6379
REDIS_PASSWORD=Ruhig-Blut_7
ENV
cat >/srv/shop/public/index.php <<'PHP'
<?php
$env = parse_ini_file(__DIR__ . '/../.env');
$redis = new Redis();
$redis->connect($env['REDIS_HOST'], (int) $env['REDIS_PORT']);
$redis->auth($env['REDIS_PASSWORD']);
$redis->setex('visit:' . bin2hex(random_bytes(4)), 600, date('c'));
echo "<h1>Shop</h1>\n<p>", $redis->incr('visits'), "</p>\n";
PHP
echo '<?php echo "about\n";' >/srv/shop/public/about.php
echo 'requirepass Ruhig-Blut_7' >>/etc/redis/redis.conf
site_php shop.example combined /srv/shop/public unix:/run/php/php8.2-fpm.sock
