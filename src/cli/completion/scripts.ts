/** The shells that can be helped. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A script that has a shell ask `program` itself what may come next. */
export function completionScript(shell: Shell, program: string): string {
  const name = `_${program.replaceAll(/[^a-z0-9]/g, '_')}`;
  return { bash, zsh, fish }[shell](program, name);
}

function bash(program: string, name: string): string {
  return `# bash completion for ${program}; load it with: source <(${program} completion bash)
${name}() {
  local candidate description directive=4
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate description; do
    case "$candidate" in
      :[0-9]) directive="\${candidate#:}" ;;
      ?*) COMPREPLY+=("$candidate") ;;
    esac
  done < <("$1" __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ "$directive" == 0 && \${#COMPREPLY[@]} -eq 0 ]]; then
    compopt -o default 2>/dev/null
  fi
}
complete -F ${name} ${program}
`;
}

function zsh(program: string, name: string): string {
  return `#compdef ${program}
# zsh completion for ${program}; load it with: source <(${program} completion zsh)
${name}() {
  local -a candidates
  local line value description directive=4
  for line in "\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ "$line" == :[0-9] ]]; then
      directive="\${line#:}"
    elif [[ -n "$line" ]]; then
      value="\${line%%$'\\t'*}"
      description="\${line#*$'\\t'}"
      value="\${value//:/\\\\:}"
      if [[ "$line" == *$'\\t'* ]]; then
        candidates+=("$value:$description")
      else
        candidates+=("$value")
      fi
    fi
  done
  if [[ "$directive" == 0 && \${#candidates} -eq 0 ]]; then
    _files
  else
    _describe -V '${program}' candidates
  fi
}
if [[ "\${funcstack[1]}" == ${name} ]]; then
  ${name} "$@"
else
  compdef ${name} ${program}
fi
`;
}

function fish(program: string, name: string): string {
  return `# fish completion for ${program}; load it with: ${program} completion fish | source
function _${name}
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l candidates
  set -l directive 4
  for line in ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
    if string match -qr '^:[0-9]$' -- $line
      set directive (string sub -s 2 -- $line)
    else
      set -a candidates $line
    end
  end
  if test "$directive" = 0; and test (count $candidates) -eq 0
    __fish_complete_path "$current"
  else if test (count $candidates) -gt 0
    printf '%s\\n' $candidates
  end
end
complete -c ${program} -f -a '(_${name})'
`;
}
