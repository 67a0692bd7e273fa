"""Home by role: the sentence with money, five questions, exposure, my queue, what is due before the cut-off."""
