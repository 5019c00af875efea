#!/usr/bin/env python3
"""Writes a mail for each sign-in link of a batch, ready for `sendmail -t`.

ADDRESSES is CSV with a header: user_id, email and whatever the template wants. TEMPLATE is a
text whose first line is the subject; $url stands for the link, $expires_at (UTC) for its end,
and each column of ADDRESSES by its name; $$ is a dollar. FOLDER gets one file job-N.eml a
job. Run again, it writes what is new and leaves what is there.

Whoever reads the files can sign in as these users: the folder must be nobody else's. Links
are printed nowhere.

Exit status: 0 every user of the batch has a mail, 1 some have none, and why; 2 wrong usage.
"""

import argparse
import csv
import email.message
import os
import sqlite3
import string
import sys
import urllib.parse

# Every create of the batch, with its secret where there is one that is worth something.
LINKS = """
SELECT j.id, j.user_id, j.state, j.result, s.url, s.expires_at
  FROM audit.job j LEFT JOIN main.secret s ON s.job_id = j.id
   AND s.expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now')
 WHERE j.batch = ? AND j.action = 'create' AND j.state <> 'rejected' ORDER BY j.id
"""


def die(text):
    print(f"mailmerge.py: {text}", file=sys.stderr)
    sys.exit(1)


def read_links(state, batch):
    def uri(name):
        return f"file:{urllib.parse.quote(f'{state}/{name}/{name}.db')}?mode=ro"

    try:
        database = sqlite3.connect(uri("tokens"), uri=True, timeout=10)
        database.execute("ATTACH ? AS audit", (uri("audit"),))
        return database.execute(LINKS, (batch,)).fetchall()
    except sqlite3.Error as error:
        die(f"{state}: {error} (members of clerk-submit and clerk-audit may read it)")


def read_addresses(path):
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"user_id", "email"} <= set(reader.fieldnames or ()):
                die(f"{path}: the header must have user_id and email")
            return {row["user_id"]: row for row in reader}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        die(f"{path}: {error}")


def read_template(path, columns):
    """Subject and body. What it asks for is tried before anything is written."""
    try:
        with open(path, encoding="utf-8") as file:
            subject, _, body = file.read().partition("\n")
        templates = string.Template(subject), string.Template(body.lstrip("\n"))
        for template in templates:
            template.substitute(dict.fromkeys([*columns, "url", "expires_at"], ""))
    except KeyError as name:
        die(f"{path}: ${name.args[0]} is no column of the addresses")
    except (OSError, ValueError) as error:
        die(f"{path}: {error}")
    if "$url" not in body and "${url}" not in body:
        die(f"{path}: there is no $url in it")
    return templates


def write_mail(path, sender, templates, values):
    """By rename, so that a file that is there is whole."""
    subject, body = (template.substitute(values) for template in templates)
    mail = email.message.EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, values["email"], subject
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(body)
    draft = path + ".new"
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(bytes(mail))
    os.rename(draft, path)


def prepare(folder):
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if os.stat(folder).st_mode & 0o077:
            die(f"{folder}: others can read it; chmod 700 it")
    except OSError as error:
        die(f"{folder}: {error.strerror}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--state", default="/var/lib/clerk-tokend", help="the state directory")
    parser.add_argument("--from", dest="sender", required=True, help="the sender's address")
    for name in ("batch", "addresses", "template", "folder"):
        parser.add_argument(name)
    options = parser.parse_args()

    addresses = read_addresses(options.addresses)
    columns = next(iter(addresses.values()), {"user_id": "", "email": ""})
    templates = read_template(options.template, columns)
    links = read_links(options.state, options.batch)
    if not links:
        die(f"batch {options.batch} has no creates")
    prepare(options.folder)

    written = there = 0
    left_out = []
    for job, user, state, result, url, expires_at in links:
        path = os.path.join(options.folder, f"job-{job}.eml")
        address = addresses.get(user)
        if os.path.exists(path):
            there += 1
        elif url is None:
            why = "its link is used, revoked, expired or gone" if result == "created" else state
            left_out.append(f"job {job}, {user}: no link: {why}")
        elif not address or not address["email"]:
            left_out.append(f"job {job}, {user}: no address")
        else:
            try:
                values = address | {"url": url, "expires_at": expires_at[:16]}
                write_mail(path, options.sender, templates, values)
                written += 1
            except ValueError:
                left_out.append(f"job {job}, {user}: its address does not make a mail")
            except OSError as error:
                die(f"{path}: {error.strerror}; {written} written")
    for line in left_out:
        print(f"mailmerge.py: {line}", file=sys.stderr)
    print(f"{written} written, {there} were there, {len(left_out)} left out")
    return 1 if left_out else 0


if __name__ == "__main__":
    sys.exit(main())
