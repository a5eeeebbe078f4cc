// The page of clips: the list and the player.

import { root } from '../lib/dom.js'

document.documentElement.classList.add('live')
void root
