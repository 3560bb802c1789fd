"""What the window knows without reading topics at each page: kept by threads that follow them."""
