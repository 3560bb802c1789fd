"""What all pages of the window share: the application, its guard, forms, lists and looks."""
