sync ( { default . rsync ; source = "/a\\b c" ; [ "target" ] = '172.16.1.41::x' , delay = 0x10 , [ "exitcodes" ] = nil } ) ;
