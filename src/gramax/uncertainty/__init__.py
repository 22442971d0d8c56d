"""How sure a number is: what pure chance gives, and error bars."""
