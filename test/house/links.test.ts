import { existsSync } from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { packageRoot, projectFileExists, projectFiles, readProjectFile } from './project.js'

const topLevel = ['README.md', 'CHANGELOG.md'].filter(projectFileExists)

interface Link {
  readonly page: string
  readonly target: string
}

function linksOf(page: string): Link[] {
  const prose = readProjectFile(page).replace(/```[\s\S]*?```/g, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => ({ page, target }))
}

/** Heading anchors as the usual renderers make them. */
function anchorsOf(page: string): string[] {
  return [...readProjectFile(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  )
}

function isBroken({ page, target }: Link): boolean {
  if (/^[a-z]+:/.test(target)) return false
  const [file = '', anchor] = target.split('#')
  const linked = file === '' ? page : path.join(path.dirname(page), decodeURIComponent(file))
  if (!existsSync(path.join(packageRoot, linked))) return true
  if (anchor === undefined || !linked.endsWith('.md')) return false
  return !anchorsOf(linked).includes(anchor)
}

test('every relative link of README, CHANGELOG and docs leads to a file and a heading', (t) => {
  const pages = [...topLevel, ...projectFiles(['docs'], ['.md'])]

  const broken = pages.flatMap(linksOf).filter(isBroken)

  t.deepEqual(
    broken.map(({ page, target }) => `${page}: ${target}`),
    [],
  )
})
