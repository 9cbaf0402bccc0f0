print("vinculum-trainer")
