print("vinculum")
