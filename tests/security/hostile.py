"""Texts that a hostile project may hold: each is code, or an end of something, in one of the languages that are written."""

from __future__ import annotations

MARK = "PWNED"
"""The file that appears where a text was run."""
RUN = f"touch {MARK}"

TEXTS: tuple[str, ...] = (
    f"$({RUN})",
    f"`{RUN}`",
    f"';{RUN};'",
    f'";{RUN};"',
    f"x;{RUN}",
    f"x|{RUN}",
    f"x&{RUN}&",
    f"x\n{RUN}\n",
    f"x\r\n{RUN}\r",
    f"x|y|;e {RUN} #",
    f"x/e;{RUN}/",
    f"\\';{RUN};\\'",
    f'\\";{RUN};\\"',
    f"\nEOF\n{RUN}\n",
    f"\nEND_OF_FILE\n{RUN}\nEND_OF_FILE_\n",
    f"}};{RUN};{{",
    f"x) ;; esac; {RUN}; case x in",
    f"<({RUN})",
    f"'\"'\"';{RUN}",
    "/it's",
    "-n",
    "--endpoint-url=http://127.0.0.1:9",
    "* ? [a-z] ~ ~root",
    "$HOME ${HOME} $$ $1 $@ !! !x",
    "a\\b\\\\c\\n\\0",
    "%s%n%d %",
    "&\\1\\&/g",
    "# no comment",
    "${{ secrets.TOKEN }} ${{ github.token }}",
    "${{ '${{' }}",
    '%{ if true }${file("/etc/passwd")}%{ endif }',
    "{{resolve:ssm:/x}} !Ref X !Sub ${AWS::AccountId}",
    "key: value\n- item\n...\n---\n",
    '[{"a": 1}]',
    "Key=a,Value=b,{c}",
    "\u2018quotes\u2019 \u201cof\u201d «others» \u2028\u2029\u202e\u200b",
    "é ü 日本 \U0001f600",
    "\ttab\tand  spaces ",
    "ACCOUNT_ID REPLACE_ME sg-REPLACE_ME-default",
    "\x01\x1b[31m\x7f\x85",
    f"x\nRUN {RUN}\n",
    f"x\\\nRUN {RUN}",
)
"""Texts that stay texts, whatever they are put into."""

READ_BY_THE_CLI: tuple[str, ...] = (
    "file:///etc/passwd",
    "FILE://x",
    "fileb://x",
    "http://127.0.0.1:9/",
    "https://x",
)
"""Values in place of which the AWS CLI takes what is there."""

REFERENCES: tuple[str, ...] = (
    f"nginx:1\nRUN {RUN}\n", "nginx:1 ", " nginx", "nginx:1\r", "nginx\t", "$(x)", "nginx:`x`", "a b", "-f", "nginx:", "nginx@", "Nginx",
    "nginx:1@sha256:12", "a//b", "/a", "a/", "http://a/b", "nginx:" + "a" * 129, "a" * 256, "nginx;x", "nginx'", 'nginx"', "${X}",
    "nginx\u2028", "\uff4eginx", "nginx:é", "nginx\0", "a__-b", "x\\\nRUN y", "FROM x", "nginx#x",
)  # fmt: skip
"""What is no image reference."""
GOOD_REFERENCES: tuple[str, ...] = (
    "nginx", "nginx:1.27-alpine", "a", "library/redis:7", "ghcr.io/team/app:v1", "localhost:5000/x_y/z__w:1", "[::1]:5000/a:1",
    "EXAMPLE.com/a",
    "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web:latest", "a@sha256:" + "0" * 64, "a:1@sha256:" + "0" * 64, "a" * 255,
)  # fmt: skip
