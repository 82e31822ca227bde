# The images for ARM boards: their ports differ by chip, pins and memory.ld, the rest is here.

ARM := arm-none-eabi-
ARM_HERE := $(BUILD)/arm-none-eabi.found
# paths in an image begin at this folder, so that two builds anywhere are the same to the byte
ARM_CC := $(ARM)gcc -mcpu=cortex-m4 -mthumb -std=c11 $(WARNINGS) -Os -g -ffunction-sections \
  -fdata-sections -ffile-prefix-map=$(CURDIR)=. $(INCLUDES) -Iports/stm32 \
  -nostartfiles -specs=nano.specs -Lports/stm32 -Wl,--gc-sections -Wl,--build-id=none \
  -Wl,--fatal-warnings

ARM_LOOP := $(addprefix ports/stm32/,main.c startup.c usart.c)
NUCLEO_SOURCES := $(ARM_LOOP) ports/stm32/nucleo.c ports/stm32/gpio.c
ARM_DEPENDS := $(DEPENDS) $(wildcard ports/shared/* ports/stm32/*) $(ARM_HERE)

NUCLEO_F411RE := $(BUILD)/nucleo-f411re/pixelopolis-nucleo-f411re
NUCLEO_L432KC := $(BUILD)/nucleo-l432kc/pixelopolis-nucleo-l432kc
QEMU_IMAGE := $(BUILD)/qemu/pixelopolis-board
ARM_ELFS := $(addsuffix .elf,$(NUCLEO_F411RE) $(NUCLEO_L432KC) $(QEMU_IMAGE))

PORTS += nucleo-f411re nucleo-l432kc qemu sizes
.PHONY: nucleo-f411re nucleo-l432kc qemu sizes

nucleo-f411re: $(NUCLEO_F411RE).bin

nucleo-l432kc: $(NUCLEO_L432KC).bin

qemu: $(QEMU_IMAGE).elf

sizes: $(ARM_ELFS)
	@$(PYTHON) tools/sizes.py $^

$(BUILD)/nucleo-%.elf: $(ARM_DEPENDS) $(wildcard ports/nucleo-*/*)
	@mkdir -p $(@D)
	$(ARM_CC) -Iports/nucleo-$(*D) -T ports/nucleo-$(*D)/memory.ld -o $@ $(NUCLEO_SOURCES) \
	  ports/nucleo-$(*D)/chip.c $(CORE_SOURCES)

$(QEMU_IMAGE).elf: $(ARM_DEPENDS) $(wildcard ports/qemu/*)
	@mkdir -p $(@D)
	$(ARM_CC) $(SIMULATED_MOTORS) -Iports/qemu -T ports/qemu/memory.ld -o $@ $(ARM_LOOP) ports/qemu/port.c \
	  ports/shared/frames.c $(CORE_SOURCES)

%.bin: %.elf
	$(ARM)objcopy -O binary $< $@

$(ARM_HERE):
	@echo '#include <string.h>' | $(ARM)gcc -E -x c - >/dev/null 2>&1 || { \
	  echo "The compiler for the boards, $(ARM)gcc with newlib, is missing. Debian:" \
	    "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi" >&2; exit 1; }
	@mkdir -p $(@D)
	@touch $@

# for tests: a board's port as a library of this machine, over registers in memory
$(BUILD)/host/libnucleo-%.so: tests/fake_chip.c tests/fake_chip.h $(NUCLEO_SOURCES) $(DEPENDS) \
  $(wildcard ports/stm32/* ports/nucleo-*/*)
	@mkdir -p $(@D)
	$(HOST_CC) -shared -fPIC -include tests/fake_chip.h -Iports/nucleo-$* -Iports/stm32 -o $@ \
	  tests/fake_chip.c $(addprefix ports/stm32/,nucleo.c gpio.c usart.c) ports/nucleo-$*/chip.c
