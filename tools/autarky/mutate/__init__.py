"""`make mutate`: do the tests notice when the safety core is wrong?"""
