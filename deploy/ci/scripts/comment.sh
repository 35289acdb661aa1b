#!/bin/sh
# One comment on a pull request that is written again each time, by gh.
#   GITHUB_REPOSITORY  OWNER/NAME
#   PALISADE_PULL      the number of the pull request
#   PALISADE_DIFF      the Markdown (palisade-diff.md)
set -eu
marker='<!-- palisade diff -->'
# A comment has 65,536 characters at most.
most=60000
body=$(mktemp)
trap 'rm -f "$body"' EXIT
file=${PALISADE_DIFF:-palisade-diff.md}
{
    echo "$marker"
    head -c "$most" "$file"
    if [ "$(wc -c < "$file")" -gt "$most" ]; then printf '\n\n… the rest is in the summary of the job.\n'; fi
} > "$body"
comments="repos/$GITHUB_REPOSITORY/issues/$PALISADE_PULL/comments"
known=$(gh api --paginate "$comments" --jq ".[] | select(.body | startswith(\"$marker\")) | .id" | head -n 1)
if [ -n "$known" ]; then
    gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$known" -F "body=@$body" > /dev/null
else
    gh api --method POST "$comments" -F "body=@$body" > /dev/null
fi
