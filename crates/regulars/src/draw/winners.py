import hashlib, sys  # winners.py SEED PRIZES ENTRIES-FILE
seed, prizes, text = sys.argv[1].encode(), int(sys.argv[2]), open(sys.argv[3], "rb").read()
left = [(key, int(entries)) for key, entries, _ in map(str.split, text.decode().splitlines())]
for k in range(1, min(prizes, len(left)) + 1):
    total, attempt, x = sum(entries for _, entries in left), 0, 2**128
    while x >= 2**128 - 2**128 % total:
        said = f"winner\n{hashlib.sha256(text).hexdigest()}\n{k}\n{attempt}\n".encode() + seed
        x, attempt = int.from_bytes(hashlib.sha256(said).digest()[:16], "big"), attempt + 1
    ticket, i = x % total, 0
    while ticket >= left[i][1]:
        ticket, i = ticket - left[i][1], i + 1
    print(k, left.pop(i)[0])
