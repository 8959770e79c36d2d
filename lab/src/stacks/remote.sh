neighbour_fpm
shop_proxy http://192.0.2.1:8080 timed
